/**
 * The closed list of what can be wrong with a gob stream.
 *
 * @module
 */

/** Why a stream was refused. `NONE` means that it was not. */
export const GobFault = {
  NONE: 0,
  /** The stream, a message or a value ends before it is complete. */
  TRUNCATED: 1,
  /** More octets, elements, fields, types or characters than the reader's limits allow. */
  OVERSIZED: 2,
  /** Values nested deeper than the reader's limits allow. */
  TOO_DEEP: 3,
  /** A number that begins with an octet that begins none. */
  NUMBER_MALFORMED: 4,
  /** A number beyond what its field holds, or beyond the integers that we hold exactly. */
  NUMBER_RANGE: 5,
  /** A descriptor with a reserved or repeated id, or one that describes nothing that a type can be. */
  TYPE_MALFORMED: 6,
  /** A value of a type that no descriptor described. */
  TYPE_UNKNOWN: 7,
  /** A field of ours that the stream describes as another type. */
  TYPE_MISMATCH: 8,
  /** A value none of whose fields is a field of ours. */
  NO_FIELD: 9,
  /** A field number that the descriptor of its struct lacks. */
  FIELD_UNKNOWN: 10,
  /** An array with another count of elements than its type has. */
  ARRAY_COUNT: 11,
  /** Descriptors only, and no value. */
  NO_VALUE: 12,
  /** An instant of a form or version that we don't know, or too far away. */
  TIME_MALFORMED: 13,
} as const;

/** One of the values of {@linkcode GobFault}. */
export type GobFault = typeof GobFault[keyof typeof GobFault];

/** Name of each fault in lower case with hyphens, by number. */
export const GOB_FAULT_NAMES: readonly string[] = Object.keys(GobFault).map((name) =>
  name.toLowerCase().replaceAll("_", "-")
);

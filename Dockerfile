# EtherGuard as a container.
#
#   docker build -t etherguard .
#   docker run --rm --network host --cap-add NET_ADMIN --device /dev/net/tun \
#     -v /etc/etherguard:/etc/etherguard:ro etherguard edge --config /etc/etherguard/edge.yaml
#
# NET_ADMIN and /dev/net/tun are needed to make interfaces; NET_ADMIN also for FwMark, for socket buffers above the
# system's limit, and for the packet filter's rules of FakeTCP. `--network host` puts the interface into the host.
# A super needs none of them. With a read-only root file system, mount something writable at /var/cache/etherguard.

FROM debian:bookworm-slim AS build
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
    ca-certificates gcc libc6-dev libssl-dev make npm \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /etherguard
COPY . .
RUN make -C ffi all && npx -y deno@2.9.6 run --allow-all tools/compile.ts

FROM debian:bookworm-slim
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates iptables nftables \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /etherguard/dist/etherguard /usr/local/bin/etherguard
# The other names are the same file. Starting it once lets a wrong build fail here rather than later.
RUN ln -s etherguard /usr/local/bin/etherguard-edge \
  && ln -s etherguard /usr/local/bin/etherguard-super \
  && XDG_CACHE_HOME=/root/check etherguard --version \
  && rm -r /root/check
ENTRYPOINT ["/usr/local/bin/etherguard"]
CMD ["--help"]

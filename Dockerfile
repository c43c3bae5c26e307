# The image that scripts/image makes, by a container engine. What is in it is prepared in a folder, which is
# all that the engine is given:
#
#   scripts/image --root dist/image-root
#   docker build -f Dockerfile -t lvscare dist/image-root
#
# With --build-arg VERSION=… and --build-arg REVISION=…, as `dist/lvscare version` says them, the labels say so
# too.

FROM debian:bookworm-slim AS root
COPY --chown=0:0 . /image/
# A layer of its own for what changes with every build. The start shows that it is for this platform.
RUN /image/usr/bin/lvscare version \
  && chmod 1777 /image/tmp \
  && mkdir -p /program/usr/bin \
  && mv /image/usr/bin/lvscare /program/usr/bin/lvscare

FROM scratch
COPY --from=root /image/ /
COPY --from=root /program/ /
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.description="Keeps Linux virtual servers (IPVS) healthy"
LABEL org.opencontainers.image.licenses="Apache-2.0 AND MIT AND BSD-3-Clause AND LGPL-2.1-or-later AND GPL-3.0-or-later WITH GCC-exception-3.1 AND MPL-2.0"
LABEL org.opencontainers.image.revision="$REVISION"
LABEL org.opencontainers.image.title="lvscare"
LABEL org.opencontainers.image.version="$VERSION"
# Root by its number, for netlink takes root or CAP_NET_ADMIN. Which capabilities it has is for the pod to say.
USER 0:0
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/lvscare"]

# One image for every role; which one it is, is the command: docker run sujip process
#
#   docker build -t sujip .                    the program
#   docker build -t sujip-vendor --target vendor .   the stub vendor, for trying it out

FROM debian:bookworm AS build
WORKDIR /src
COPY tools/install-packages.sh tools/
RUN tools/install-packages.sh --only-build && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake --preset release && cmake --build --preset release
# What the program needs at run time: the Debian packages of its libraries, and the declarations,
# connectors, migrations and web pages beside it.
RUN mkdir -p /image/bin /image/share \
    && program=$(find build/release -name sujip -type f -perm -u+x) \
    && install -s "$program" /image/bin/sujip \
    && tools/runtime-packages.sh "$program" >/image/packages \
    && find topics producers/connectors processors sinks sql monitoring tools/register-sources.sh \
         -type f ! -name '*.cc' ! -name '*.h' ! -name CMakeLists.txt \
         -exec cp --parents -t /image/share {} +

# The stub vendor of tests/simulators: naver_searchad without the real one.
FROM debian:bookworm-slim AS vendor
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-aiohttp tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home vendor
COPY tests/simulators /opt/simulators
USER vendor
ENTRYPOINT ["python3", "/opt/simulators/naver_searchad/server.py"]

FROM debian:bookworm-slim AS sujip
COPY --from=build /image/packages /tmp/packages
RUN apt-get update \
    && xargs -a /tmp/packages apt-get install -y --no-install-recommends ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* /tmp/packages \
    && useradd --system --uid 10001 --home-dir /var/lib/sujip --create-home sujip
COPY --from=build /image/bin/sujip /usr/local/bin/sujip
COPY --from=build /image/share /usr/local/share/sujip
ENV SUJIP_SHARE=/usr/local/share/sujip SUJIP_HOME=/var/lib/sujip
USER sujip
VOLUME /var/lib/sujip
ENTRYPOINT ["sujip"]
CMD ["--help"]

#!/usr/bin/env bash
# Topics, tables and sources: what has to be there before "sujip up" or the roles of
# docker-compose.yml start. Every step may be repeated.
#
# Environment: SUJIP_KAFKA, SUJIP_PG, SUJIP_SHARE as for every sujip command, and
#   SUJIP_BIN       sujip      the program
#   SUJIP_RETAIL               folder of daily CSV files for online_retail; default: its samples
#   SUJIP_DANAWA               folder of CPU/, VGA/, SSD/ ... for danawa; default: its samples
#   SUJIP_STUB                 address of the stub vendor; without it naver_searchad is left out
# Exit code: that of the first sujip command that failed.
set -euo pipefail

sujip=${SUJIP_BIN:-sujip}

"$sujip" topics apply &
topics=$!
"$sujip" db migrate
wait "$topics"

"$sujip" source add online_retail ${SUJIP_RETAIL:+--path "$SUJIP_RETAIL"}
"$sujip" source add danawa ${SUJIP_DANAWA:+--path "$SUJIP_DANAWA"}
if [[ -n ${SUJIP_STUB:-} ]]; then
  # The made-up key the stub vendor knows, and a pace for a vendor on this machine.
  "$sujip" source add naver_searchad --url "$SUJIP_STUB" --set customer=1000001 \
    --set report_rate=190 --set download_rate=190 --set other_rate=380 --set poll_seconds=0.1 \
    --credential access_licence=0100000000a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c \
    --credential secret=AQAAAABkZW1vLWFnZW5jeS1zZWNyZXQtbm90LXJlYWw9PQ==
fi

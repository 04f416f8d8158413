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
  "$sujip" source add naver_searchad --url "$SUJIP_STUB"
fi

#!/bin/sh
# FastNetMon notify script: reports attacks, and their end, to prefixd.
#
#   fastnetmon.conf:  notify_script_path = /usr/local/bin/prefixd_notify.sh
#
# Called as: prefixd_notify.sh ADDRESS DIRECTION POWER ACTION, with the report on standard input for
# a ban (Community, and Advanced in text mode); Advanced in JSON mode sends a JSON document instead.
# Both are posted as they come. Settings are read from /etc/prefixd/fastnetmon.conf, or the file
# that PREFIXD_NOTIFY_CONF names:
#
#   PREFIXD_URL=https://prefixd.example.net
#   PREFIXD_TOKEN_FILE=/etc/prefixd/fastnetmon.token    a token with the permission `ingest`
#   PREFIXD_CURL_OPTIONS="--cacert /etc/prefixd/ca.pem" optional
#
# Exit code 0 when prefixd took the report, also when it answered that there is nothing to do.
set -u

conf=${PREFIXD_NOTIFY_CONF:-/etc/prefixd/fastnetmon.conf}
if [ -r "$conf" ]; then
    # shellcheck source=/dev/null
    . "$conf"
fi
: "${PREFIXD_URL:=http://127.0.0.1:8080}"

# FastNetMon waits until its report was read to the end, so that comes first.
report=$(cat | head -c 262144)

say() {
    logger -t prefixd_notify "$1" 2>/dev/null || printf '%s\n' "$1" >&2
}

case ${report} in
    '{'*)
        type=application/json
        query=
        ;;
    *)
        # Only letters, digits and . : _ / belong into these words; they go into a URL.
        for word in "${1:-}" "${2:-}" "${3:-}" "${4:-}"; do
            case $word in
                *[!0-9A-Za-z.:_/]*)
                    say "refused: odd argument"
                    exit 2
                    ;;
            esac
        done
        type=text/plain
        query="?format=text&ip=${1:-}&direction=${2:-}&power=${3:-}&action=${4:-}"
        ;;
esac

# The token goes through a file descriptor, not the command line, where every local user could read it.
headers() {
    printf 'Content-Type: %s\n' "$type"
    if [ -n "${PREFIXD_TOKEN_FILE:-}" ]; then
        printf 'Authorization: Bearer %s\n' "$(cat "$PREFIXD_TOKEN_FILE")"
    fi
}

# Options are several words on purpose.
# shellcheck disable=SC2086
status=$(
    headers | {
        printf '%s' "$report" | curl --silent --show-error --max-time 10 --retry 3 --retry-delay 1 \
            --retry-connrefused --output /dev/null --write-out '%{http_code}' \
            --header @/dev/fd/3 --data-binary @- ${PREFIXD_CURL_OPTIONS:-} \
            "${PREFIXD_URL%/}/v1/signals/fastnetmon${query}"
    } 3<&0
)

case $status in
    2?? | 409) exit 0 ;;
    422)
        say "prefixd stored the report about ${1:-an address} and refused to act on it"
        exit 0
        ;;
    *)
        say "prefixd answered ${status:-nothing} about ${1:-a report} ${4:-}"
        exit 1
        ;;
esac

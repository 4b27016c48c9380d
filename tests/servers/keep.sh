#!/bin/sh
# Runs a server for as long as somebody wants it: whoever has the file IN_USE locked. The system takes
# locks from processes that end, however they end, so tests that are killed leave no server behind.
# When nobody has wanted it for LINGER seconds, ends it with SIGNAL and removes FOLDER. A server that
# ends by itself is reaped here, and its folder stays.
#
# keep.sh IN_USE LINGER SIGNAL FOLDER COMMAND…
set -eu
in_use=$1 linger=$2 signal=$3 folder=$4
shift 4

# The file may be deleted while somebody has it locked: it is opened once.
exec 9>>"$in_use"
cd "$folder"
"$@" 9>&- &
server=$!
echo "$server" >pid

unwanted=0
while kill -0 "$server" 2>/dev/null; do
    if flock --nonblock 9; then
        unwanted=$((unwanted + 1))
        # The lock stays ours: whoever begins to want the server now waits until it is gone.
        [ "$unwanted" -le "$linger" ] || break
        flock --unlock 9
    else
        unwanted=0
    fi
    sleep 1
done
if kill -s "$signal" "$server" 2>/dev/null; then
    wait
    cd /
    rm -rf "$folder"
fi

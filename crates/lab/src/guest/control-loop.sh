# SPDX-License-Identifier: MIT OR Apache-2.0
# The guest's end of the control channel (console.rs): reads a command a line, answers with its
# output and its exit status. The lab sets EK_VM, EK_OUTPUT and EK_POWER_OFF.

# Background work by name: a session of its own, so that a signal reaches all of it.
job_start() {
    setsid bash -c "$2" </dev/null >"$EK_OUTPUT.$1.log" 2>&1 &
    echo $! >"$EK_OUTPUT.$1.pid"
    # A guest with a small budget takes its time to make the session; signals need it.
    until kill -0 -- "-$!" 2>/dev/null || ! kill -0 "$!" 2>/dev/null; do sleep 0.01; done
}
job_signal() { # NAME SIGNAL
    local leader
    read -r leader <"$EK_OUTPUT.$1.pid" && kill "-$2" -- "-$leader"
}
job_alive() {
    job_signal "$1" 0 2>/dev/null
}
job_stop() {
    local round
    job_signal "$1" TERM 2>/dev/null && job_signal "$1" CONT 2>/dev/null
    for round in {1..100}; do
        job_alive "$1" || break
        [ "$round" -lt 50 ] || job_signal "$1" KILL 2>/dev/null
        sleep 0.02
    done
    rm -f "$EK_OUTPUT.$1.pid"
}
# Waits until something listens on TCP port $1 of this guest.
port_wait() {
    local round
    for round in {1..100}; do
        (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
        sleep 0.05
    done
    echo "nothing listens on port $1"
    return 1
}

echo "READY $EK_VM"
while IFS=' ' read -r id line; do
    [ -n "$id" ] || continue
    printf -v command %b "$line"
    (eval "$command") </dev/null >"$EK_OUTPUT" 2>&1
    status=$?
    # Most commands say nothing: a pipe of two processes less. A line without an end is a line, too;
    # 16 KiB a line and 256 KiB in all are beyond any use.
    [ ! -s "$EK_OUTPUT" ] || head -c 262144 "$EK_OUTPUT" |
        while IFS= read -r -n 16384 text || [ -n "$text" ]; do
            printf 'OUT %s %s\n' "$id" "$text"
        done
    printf 'DONE %s %s\n' "$id" "$status"
done
# The lab has gone: a guest without it has no purpose.
eval "$EK_POWER_OFF"

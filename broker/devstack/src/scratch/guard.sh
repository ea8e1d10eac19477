# The guard of one temporary folder ($1) and of the server that runs from it.
#
# It obeys the lines on its standard input, whose other end only the process that made the folder holds. When that
# process ends, however it ends, the input ends too: the guard then stops the server ($2: with which signal) and
# removes the folder. The server is a child of the guard, so its number cannot go to another process behind our back.

folder=$1
farewell=$2
server=

# A broken pipe must not stop the guard before it has cleaned up; any other request to end is the end of the loop.
trap '' PIPE
trap : HUP INT TERM

state() { # of process $1: its state and its parent, or nothing if there is none
    { read -r line <"/proc/$1/stat"; } 2>/dev/null && echo "${line##*) }"
}

ended() {
    case $(state "$server") in '' | Z* | X*) true ;; *) false ;; esac
}

children() { # Postgres gives each of its processes a session of its own, so the process group is not enough
    for folder_of_process in /proc/[0-9]*; do
        { read -r line <"$folder_of_process/stat"; } 2>/dev/null || continue
        set -- ${line##*) }
        [ "$2" = "$server" ] && echo "${folder_of_process#/proc/}"
    done
}

signal() { # stopped first, the server makes no further children, and does not die before it is known who they are
    kill -s STOP "$server"
    for process in $(children) "$server"; do kill -s "$1" "$process"; done
}

while read -r verb argument; do
    case $verb in
    start)
        (trap - HUP INT TERM; exec sh "$folder/run") </dev/null >>"$folder/log" 2>&1 &
        server=$!
        echo "$server"
        ;;
    one) kill -s "$argument" "$server" 2>/dev/null; echo ;;
    all) signal "$argument" 2>/dev/null; echo ;;
    fill) # it ends with an error, and which one is what matters
        case $(LC_ALL=C cat /dev/zero 2>&1 >"$folder/disk/ballast") in
        *'No space left'*) echo full ;;
        *) echo "it did not become full" ;;
        esac ;;
    free) rm "$folder/disk/ballast"; echo ;;
    reap) wait "$server" 2>/dev/null; server=; echo ;;
    esac
done

if [ -n "$server" ]; then
    signal CONT 2>/dev/null
    tries=0
    until ended; do
        # Again and again, because the first may have come before the server was listening for it.
        if [ "$tries" -lt 100 ]; then kill -s "$farewell" "$server"; else signal KILL; fi 2>/dev/null
        tries=$((tries + 1))
        sleep 0.05
    done
    wait "$server" 2>/dev/null
fi

# A killed Postgres leaves a segment of shared memory, whose number is in the lock file that it leaves, too.
if [ -f "$folder/data/postmaster.pid" ]; then
    set -- $(sed -n 7p "$folder/data/postmaster.pid")
    ipcrm -m "$2" 2>/dev/null
fi
rm -rf "$folder"

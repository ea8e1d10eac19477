# Runs the guard ($5 and what follows) of a temporary folder ($1) in a namespace that has a small disk (of $2 bytes,
# owned by $3:$4) as the folder `disk`. Nobody outside sees it, and it goes with the namespace.
#
# This shell stays, because the guard may not be allowed to unmount.

folder=$1
mkdir "$folder/disk" && mount -t tmpfs -o "size=$2,uid=$3,gid=$4,mode=700" tmpfs "$folder/disk" || exit 1
shift 4

trap '' PIPE
trap : HUP INT TERM
"$@"
umount "$folder/disk"
rm -rf "$folder"

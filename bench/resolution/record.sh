#!/bin/sh
# Records a run in which one model is measured five times in the same blocks: as it is, the same again, and 2, 5 and 10 %
# slower. Usage: bench/resolution/record.sh DB BLOCKS [SPAN]; needs make build.
set -eu
cd "$(dirname "$0")/../.."
db=$1 blocks=$2 span=${3:-250ms}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/slowed" ./bench/resolution/slowed
set --
for percent in 0 00 2 5 10; do
	# Each is a plugin of its own, with a hash of its own.
	printf '#!/bin/sh\nexec %s/slowed -percent %s -plugin %s/bin/archbench-plugin-mistral\n' "$dir" "$percent" "$PWD" >"$dir/slow$percent"
	chmod +x "$dir/slow$percent"
	set -- "$@" --plugin "slow$percent=$dir/slow$percent" --model "slow$percent=slow$percent:init:1:3m"
done
bin/archbench run speed --db "$db" "$@" --probe prefill,decode --set len=512 --set depth=128 --set batch=1 \
	--set repeats="$blocks" --set span="$span"

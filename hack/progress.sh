# The scripts that take minutes source this file to show how far they are.

if ((BASH_VERSINFO[0] < 5)); then
	echo "$0 needs bash 5 or newer, and this is bash $BASH_VERSION. On macOS: brew install bash coreutils, and open a new shell" >&2
	exit 1
fi

# The number of steps of the script, the steps that are done, and how long the last three of them took.
steps=0 steps_done=0 took=()

# plan_steps NUMBER: says how many steps will follow.
plan_steps() { steps=$1 steps_done=0; }

# step TITLE COMMAND...: runs one step. It prints the number and the title of the step, and every ten seconds for how long it runs.
step() {
	local label="step $((steps_done + 1)) of $steps: $1" started=$SECONDS pid before=
	printf -v before ', %s' "${took[@]}"
	((${#took[@]} == 0)) && before= || before=" (${before:2})"
	echo "$label$before" >&2
	"${@:2}" &
	pid=$!
	# Ctrl-C does not reach a command in the background.
	trap "kill $pid; exit 130" INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		sleep 1
		if (((SECONDS - started) % 10 == 9)); then
			echo "$label, $((SECONDS - started)) s$before" >&2
		fi
	done
	trap - INT TERM
	if ! wait "$pid"; then
		echo "$label: failed after $((SECONDS - started)) s" >&2
		return 1
	fi
	steps_done=$((steps_done + 1))
	((${#took[@]} < 3)) || took=("${took[@]:1}")
	took+=("${1##* } took $((SECONDS - started)) s")
	if ((steps_done == steps)); then
		echo "all $steps steps are done in $SECONDS s" >&2
	fi
}

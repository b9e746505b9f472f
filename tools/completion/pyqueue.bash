# SPDX-License-Identifier: MIT
# Completion of pyqueue for bash.

_pyqueue() {
	local word=$2 options
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W 'create put get ls stat rm shutdown info --help --version' -- "$word")
		return
	fi
	if [[ $word = -* ]]; then
		# The help text is the list of options.
		options=$(pyqueue "${COMP_WORDS[1]}" --help 2>/dev/null | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -e '--[a-z-]+')
		mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$word")
		return
	fi
	case ${COMP_WORDS[1]} in
	put | get | stat | shutdown)
		[ "$COMP_CWORD" -eq 2 ] || return
		;;
	rm) ;;
	*) return ;;
	esac
	local IFS=$'\n'
	mapfile -t COMPREPLY < <(compgen -W "$(pyqueue ls 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$word")
}
complete -o default -F _pyqueue pyqueue

# terminal.sh - a terminal that a test types in and looks at: tmux, with a socket of its own.
#
# Sourced behind session.sh or docker.sh.  A test tells:
#   given_terminal END      there may be one from now on; END is what ends the rest of the test
#   outer_shell COLUMNS     a shell in it, 30 lines high, whose prompt is "outer> "
#   type_in TEXT            TEXT and Enter
#   shows TEXT              the screen contains TEXT
#   resize COLUMNS          to 25 lines; the shell inside must get to know of it
#   tmux_ WORDS...          anything else
# shellcheck shell=bash

need tmux

socket=''

given_terminal() { # END
    socket=$work/tmux
    end_of_rest=$1
    trap end_terminal EXIT
}

end_terminal() {
    local code=$?
    tmux_ kill-server >/dev/null 2>&1 || true
    set +e # so that a failure gets to what cleans up
    (exit "$code")
    "$end_of_rest"
}

tmux_() {
    tmux -S "$socket" -f /dev/null "$@"
}

outer_shell() { # COLUMNS
    tmux_ new-session -d -x "$1" -y 30 "env PS1='outer> ' sh"
    tmux_ set-option -g window-size manual >/dev/null
}

shows() { # TEXT
    tmux_ capture-pane -p -J | grep -qF -- "$1"
}

type_in() { # TEXT
    tmux_ send-keys -l -- "$1"
    tmux_ send-keys Enter
}

tells_its_size() { # COLUMNS
    type_in 'echo size $(stty size)'
    sleep 0.3
    shows "size 25 $1"
}

resize() { # COLUMNS
    tmux_ resize-window -x "$1" -y 25
    until_true "the resize did not arrive" tells_its_size "$1"
}

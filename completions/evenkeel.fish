# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_evenkeel_global_optspecs
    string join \n color= h/help V/version
end

function __fish_evenkeel_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_evenkeel_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_evenkeel_using_subcommand
    set -l cmd (__fish_evenkeel_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c evenkeel -n "__fish_evenkeel_needs_command" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_needs_command" -s V -l version -d 'Print version'
complete -c evenkeel -n "__fish_evenkeel_needs_command" -f -a "doctor" -d 'Say what this host can guarantee, and what is in the way'
complete -c evenkeel -n "__fish_evenkeel_needs_command" -f -a "capsule" -d 'Make, fill, change, show and end capsules'
complete -c evenkeel -n "__fish_evenkeel_needs_command" -f -a "run" -d 'Run a command inside a new capsule and release it when the command ends'
complete -c evenkeel -n "__fish_evenkeel_needs_command" -f -a "vm" -d 'See which virtual machines run on this host'
complete -c evenkeel -n "__fish_evenkeel_needs_command" -f -a "trace" -d 'Record and look at the decisions of the scheduler'
complete -c evenkeel -n "__fish_evenkeel_needs_command" -f -a "lab" -d 'Measure what capsules do on this host, with real guests and real packets'
complete -c evenkeel -n "__fish_evenkeel_needs_command" -f -a "model" -d 'Solve queueing models: what would a host carry, and where would it wait'
complete -c evenkeel -n "__fish_evenkeel_needs_command" -f -a "check" -d 'Say whether tasks in capsules are ever late, and why, without a host'
complete -c evenkeel -n "__fish_evenkeel_needs_command" -f -a "sim" -d 'Simulate hosts with capsules'
complete -c evenkeel -n "__fish_evenkeel_needs_command" -f -a "completions" -d 'Print the completion script for a shell'
complete -c evenkeel -n "__fish_evenkeel_needs_command" -f -a "lab-guest" -d 'Play a part inside a guest of the lab'
complete -c evenkeel -n "__fish_evenkeel_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand doctor" -l window -d 'How long to watch foreign real-time threads and stolen time' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand doctor" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand doctor" -l json -d 'Print one JSON object (evenkeel.doctor.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and not __fish_seen_subcommand_from create attach detach set show list delete help" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and not __fish_seen_subcommand_from create attach detach set show list delete help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and not __fish_seen_subcommand_from create attach detach set show list delete help" -f -a "create" -d 'Create a capsule: reserve a CPU budget every period'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and not __fish_seen_subcommand_from create attach detach set show list delete help" -f -a "attach" -d 'Put a running virtual machine into a capsule'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and not __fish_seen_subcommand_from create attach detach set show list delete help" -f -a "detach" -d 'Take a virtual machine out of its capsule'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and not __fish_seen_subcommand_from create attach detach set show list delete help" -f -a "set" -d 'Change the reservation of a capsule'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and not __fish_seen_subcommand_from create attach detach set show list delete help" -f -a "show" -d 'Show a capsule: its reservation, its supply, and every thread inside'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and not __fish_seen_subcommand_from create attach detach set show list delete help" -f -a "list" -d 'List the capsules of this host'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and not __fish_seen_subcommand_from create attach detach set show list delete help" -f -a "delete" -d 'End a capsule: put everything back, give up its reservation'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and not __fish_seen_subcommand_from create attach detach set show list delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from create" -l budget -d 'CPU time granted in each period, on each CPU; a unit is required: 6ms, 1.5ms, 500us' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from create" -l period -d 'Length of a period, 1ms to 10s' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from create" -l cpus -d 'CPUs on which the budget is reserved, as a list: 0, 0-3 or 0-3,8' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from create" -l parent -d 'Take the reservation out of that of capsule PARENT' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from create" -l enforcer -d 'What makes the kernel honour it: auto, rtgroup, or quota (a cap, no guarantee)' -r -f -a "auto\t'The strongest that gives a guarantee'
scx\t'Our sched_ext scheduler'
rtgroup\t'Real-time groups'
quota\t'Fair-class quota: a cap, no guarantee'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from create" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from create" -l dry-run -d 'Print what would be done, with the values before and after, and change nothing'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from create" -l json -d 'Print one JSON object (evenkeel.plan.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from attach" -l netdev -d 'A network device that serves only this VM (a virtual function, a veth); may be repeated' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from attach" -l context -d 'Whose thread does the packet work: shared or dedicated' -r -f -a "shared\t'Softirq, as hosts do it today'
dedicated\t'The VM\'s own NAPI thread, inside the capsule'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from attach" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from attach" -l dry-run -d 'Print what would be done, with the values before and after, and change nothing'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from attach" -l json -d 'Print one JSON object (evenkeel.plan.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from attach" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from detach" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from detach" -l dry-run -d 'Print what would be done, with the values before and after, and change nothing'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from detach" -l json -d 'Print one JSON object (evenkeel.plan.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from detach" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from set" -l budget -d 'New CPU time in each period, on each CPU' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from set" -l period -d 'New length of a period, 1ms to 10s' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from set" -l cpus -d 'New CPUs, as a list: 0, 0-3 or 0-3,8' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from set" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from set" -l dry-run -d 'Print what would be done, with the values before and after, and change nothing'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from set" -l json -d 'Print one JSON object (evenkeel.plan.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from show" -l sample -d 'How long to watch the supply; 0s does not watch' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from show" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object (evenkeel.capsule-show.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from list" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object (evenkeel.capsule-list.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from delete" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from delete" -l dry-run -d 'Print what would be done, with the values before and after, and change nothing'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from delete" -l json -d 'Print one JSON object (evenkeel.plan.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from help" -f -a "create" -d 'Create a capsule: reserve a CPU budget every period'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from help" -f -a "attach" -d 'Put a running virtual machine into a capsule'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from help" -f -a "detach" -d 'Take a virtual machine out of its capsule'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from help" -f -a "set" -d 'Change the reservation of a capsule'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a capsule: its reservation, its supply, and every thread inside'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the capsules of this host'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from help" -f -a "delete" -d 'End a capsule: put everything back, give up its reservation'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand capsule; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand run" -l budget -d 'CPU time granted in each period, on each CPU; a unit is required: 6ms, 1.5ms, 500us' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand run" -l period -d 'Length of a period, 1ms to 10s' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand run" -l cpus -d 'CPUs on which the budget is reserved, as a list: 0, 0-3 or 0-3,8' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand run" -l parent -d 'Take the reservation out of that of capsule PARENT' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand run" -l enforcer -d 'What makes the kernel honour it: auto, rtgroup, or quota (a cap, no guarantee)' -r -f -a "auto\t'The strongest that gives a guarantee'
scx\t'Our sched_ext scheduler'
rtgroup\t'Real-time groups'
quota\t'Fair-class quota: a cap, no guarantee'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand run" -l netdev -d 'A network device that serves only this command\'s VM; may be repeated' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand run" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand run" -l dry-run -d 'Print what would be done before the command starts, and change nothing'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand run" -l json -d 'With --dry-run print one JSON object (evenkeel.plan.v1); errors as JSON, too'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand vm; and not __fish_seen_subcommand_from list help" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand vm; and not __fish_seen_subcommand_from list help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand vm; and not __fish_seen_subcommand_from list help" -f -a "list" -d 'List the virtual machines that run on this host'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand vm; and not __fish_seen_subcommand_from list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand vm; and __fish_seen_subcommand_from list" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand vm; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object (evenkeel.vm-list.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand vm; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand vm; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the virtual machines that run on this host'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand vm; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and not __fish_seen_subcommand_from record show export check help" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and not __fish_seen_subcommand_from record show export check help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and not __fish_seen_subcommand_from record show export check help" -f -a "record" -d 'Record the scheduler\'s decisions into a file'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and not __fish_seen_subcommand_from record show export check help" -f -a "show" -d 'Show a recording as a table'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and not __fish_seen_subcommand_from record show export check help" -f -a "export" -d 'Export a recording for a trace viewer, as lanes, or for the reference policy'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and not __fish_seen_subcommand_from record show export check help" -f -a "check" -d 'Check a recording against the reference policy'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and not __fish_seen_subcommand_from record show export check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from record" -l for -d 'How long to record' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from record" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from record" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from show" -l lines -d 'Most lines to show' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from show" -l cpu -d 'Only this CPU' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from show" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object (evenkeel.trace-show.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from export" -l form -d 'The form: chrome, svg or schedule' -r -f -a "chrome\t'Trace Event Format, for Perfetto and chrome://tracing'
svg\t'A lane for each CPU'
schedule\t'Events and decisions as the reference policy takes them'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from export" -l to -d 'The file to write; standard output without it' -r -F
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from export" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from check" -l tolerance -d 'How long the two may differ each time' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from check" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from check" -l json -d 'Print one JSON object (evenkeel.trace-check.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from help" -f -a "record" -d 'Record the scheduler\'s decisions into a file'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a recording as a table'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from help" -f -a "export" -d 'Export a recording for a trace viewer, as lanes, or for the reference policy'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check a recording against the reference policy'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand trace; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand lab" -l out -d 'Directory of the results, in which an earlier report is replaced; ./lab-results/TIME if left out' -r -F
complete -c evenkeel -n "__fish_evenkeel_using_subcommand lab" -l guest -d 'What boots the guests: uml or qemu' -r -f -a "uml\t'user-mode-linux'
qemu\t'QEMU'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand lab" -l seed -d 'Order of the measured points; the same seed measures in the same order' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand lab" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand lab" -l quick -d 'A tenth of the measurements: to see that it works, not to judge by'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand lab" -l dry-run -d 'Print what would be run or removed, and change nothing'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand lab" -l json -d 'Print one JSON object (evenkeel.lab.EXPERIMENT.v1; demo and all: evenkeel.lab.results.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand lab" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and not __fish_seen_subcommand_from solve check sweep compare explain calibrate claims help" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and not __fish_seen_subcommand_from solve check sweep compare explain calibrate claims help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and not __fish_seen_subcommand_from solve check sweep compare explain calibrate claims help" -f -a "solve" -d 'Solve a layered queueing network'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and not __fish_seen_subcommand_from solve check sweep compare explain calibrate claims help" -f -a "check" -d 'Say whether a file is a valid model that has an answer'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and not __fish_seen_subcommand_from solve check sweep compare explain calibrate claims help" -f -a "sweep" -d 'Solve a layered queueing network for a range of its numbers'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and not __fish_seen_subcommand_from solve check sweep compare explain calibrate claims help" -f -a "compare" -d 'Compare architectures of network I/O virtualization'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and not __fish_seen_subcommand_from solve check sweep compare explain calibrate claims help" -f -a "explain" -d 'Show the blocks of an architecture and where the cycles of a packet go'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and not __fish_seen_subcommand_from solve check sweep compare explain calibrate claims help" -f -a "calibrate" -d 'Take costs from measurements of this host, and check what the model predicts from them'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and not __fish_seen_subcommand_from solve check sweep compare explain calibrate claims help" -f -a "claims" -d 'Show every published figure beside the one that the models give'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and not __fish_seen_subcommand_from solve check sweep compare explain calibrate claims help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from solve" -l solver -d 'How to solve it: mva or sim' -r -f -a "mva\t'Layered mean value analysis: milliseconds, approximate'
sim\t'Discrete-event simulation: seconds, with 95 % confidence intervals'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from solve" -l seed -d 'Seed of the simulator; the same seed gives the same answer' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from solve" -l replications -d 'Independent replications of the simulator; they run in parallel' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from solve" -l events -d 'Events of each replication, its warm-up (a tenth) included' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from solve" -l precision -d 'Simulate on until throughputs, service times and open responses are known within this' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from solve" -l set -d 'Set a variable or a number of the model: $NAME=VALUE, demand:ENTRY=VALUE, ...' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from solve" -l xml-out -d 'Also write the model with its results in place, as LQN XML' -r -F
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from solve" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from solve" -l json -d 'Print one JSON object (evenkeel.model-solve.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from solve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from check" -l set -d 'Set a variable or a number of the model: $NAME=VALUE, demand:ENTRY=VALUE, ...' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from check" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from check" -l json -d 'Print one JSON object (evenkeel.model-check.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from sweep" -l set -d 'What moves: KEY=FROM..TO, KEY=FROM..TO:POINTS, or KEY=VALUE,VALUE,...' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from sweep" -l show -d 'A column of the table: throughput:TASK, utilization:PROCESSOR, ...' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from sweep" -l solver -d 'How to solve it: mva or sim' -r -f -a "mva\t'Layered mean value analysis: milliseconds, approximate'
sim\t'Discrete-event simulation: seconds, with 95 % confidence intervals'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from sweep" -l seed -d 'Seed of the simulator; the same seed gives the same answer' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from sweep" -l replications -d 'Independent replications of the simulator; they run in parallel' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from sweep" -l events -d 'Events of each replication, its warm-up (a tenth) included' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from sweep" -l precision -d 'Simulate on until throughputs, service times and open responses are known within this' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from sweep" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from sweep" -l json -d 'Print one JSON object (evenkeel.model-sweep.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from sweep" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l vms -d 'Number of VMs: one number, or FROM..TO' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l arch -d 'Only these architectures; may be given several times' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l workload -d 'What each VM does: bulk-rx, bulk-tx, open-rx, open-tx or web' -r -f -a "bulk-rx\t'Streams to the VM'
bulk-tx\t'Streams from the VM'
open-rx\t'Packets at a rate to the VM'
open-tx\t'Packets at a rate from the VM'
web\t'Sessions of a web server'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l machine -d 'Machine: today, or a testbed of the studies (atc06, atc08-up, atc08-smp, asplos09, hpca07-send, hpca07-receive)' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l costs -d 'Results of the native lab (DIR of `evenkeel lab all --out DIR`) whose measured cost of a packet takes the place of the machine\'s' -r -F
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l cores -d 'Cores' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l link -d 'Rate of each link, for example 25Gbps' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l links -d 'Links' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l packet-bytes -d 'Payload of a packet, bytes' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l rate -d 'Packets per second of each VM, for open-rx and open-tx' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l share -d 'Part of all cores reserved for each VM\'s own threads, for example 10%' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l rate-max -d 'Limit of each VM\'s sending where the NIC has hooks, for example 1Gbps' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l svg -d 'Write a figure: cycles of a packet by payer, and throughput against the number of VMs' -r -F
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -l json -d 'Print one JSON object (evenkeel.model-compare.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l vms -d 'Number of VMs' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l workload -d 'What each VM does: bulk-rx, bulk-tx, open-rx, open-tx or web' -r -f -a "bulk-rx\t'Streams to the VM'
bulk-tx\t'Streams from the VM'
open-rx\t'Packets at a rate to the VM'
open-tx\t'Packets at a rate from the VM'
web\t'Sessions of a web server'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l machine -d 'Machine: today, or a testbed of the studies (atc06, atc08-up, atc08-smp, asplos09, hpca07-send, hpca07-receive)' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l costs -d 'Results of the native lab (DIR of `evenkeel lab all --out DIR`) whose measured cost of a packet takes the place of the machine\'s' -r -F
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l cores -d 'Cores' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l link -d 'Rate of each link, for example 25Gbps' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l links -d 'Links' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l packet-bytes -d 'Payload of a packet, bytes' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l rate -d 'Packets per second of each VM, for open-rx and open-tx' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l share -d 'Part of all cores reserved for each VM\'s own threads, for example 10%' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l rate-max -d 'Limit of each VM\'s sending where the NIC has hooks, for example 1Gbps' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l svg -d 'Write a figure of the blocks' -r -F
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l lqn -d 'Print the model itself in the text format, for `evenkeel model solve`'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -l json -d 'Print one JSON object (evenkeel.model-explain.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from calibrate" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from calibrate" -l json -d 'Print one JSON object (evenkeel.model-calibrate.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from calibrate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from claims" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from claims" -l json -d 'Print one JSON object (evenkeel.model-claims.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from claims" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "solve" -d 'Solve a layered queueing network'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "check" -d 'Say whether a file is a valid model that has an answer'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "sweep" -d 'Solve a layered queueing network for a range of its numbers'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "compare" -d 'Compare architectures of network I/O virtualization'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "explain" -d 'Show the blocks of an architecture and where the cycles of a packet go'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "calibrate" -d 'Take costs from measurements of this host, and check what the model predicts from them'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "claims" -d 'Show every published figure beside the one that the models give'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand check" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand check" -l json -d 'Print one JSON object (evenkeel.check.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and not __fish_seen_subcommand_from run cluster help" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and not __fish_seen_subcommand_from run cluster help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and not __fish_seen_subcommand_from run cluster help" -f -a "run" -d 'Simulate one machine: capsules, what works in them, packets, interrupts'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and not __fish_seen_subcommand_from run cluster help" -f -a "cluster" -d 'Place virtual machines on many hosts, let them come and go, and compare policies'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and not __fish_seen_subcommand_from run cluster help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from run" -l scheduler -d 'capsule, rtgroup, eevdf, fifo, cpu-max or all; several with commas between' -r -f -a "capsule\t'Ours'
rtgroup\t'Legacy RT throttling'
eevdf\t'The fair scheduler'
fifo\t'Fixed priorities'
cpu-max\t'The fair scheduler with `cpu.max`'
all\t'Each of them'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from run" -l seed -d 'Seed, instead of the file\'s' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from run" -l svg -d 'Draw who ran when, as lanes, into this file; with one scheduler' -r -F
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from run" -l chrome-trace -d 'Write who ran when, as Chrome trace JSON for Perfetto, into this file; with one scheduler' -r -F
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from run" -l until -d 'Draw and write only so much from the start; at most a million stretches and marks' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from run" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from run" -l json -d 'Print one JSON object (evenkeel.sim-run.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from cluster" -l seed -d 'Seed, instead of the file\'s' -r
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from cluster" -l svg -d 'Write a figure of the arrivals that were refused, by policy, to this file' -r -F
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from cluster" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from cluster" -l json -d 'Print one JSON object (evenkeel.sim-cluster.v1)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from cluster" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from help" -f -a "run" -d 'Simulate one machine: capsules, what works in them, packets, interrupts'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from help" -f -a "cluster" -d 'Place virtual machines on many hosts, let them come and go, and compare policies'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand sim; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand completions" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand lab-guest" -l color -d 'Colour output: auto, always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t'Always'
never\t'Never'"
complete -c evenkeel -n "__fish_evenkeel_using_subcommand lab-guest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and not __fish_seen_subcommand_from doctor capsule run vm trace lab model check sim completions lab-guest help" -f -a "doctor" -d 'Say what this host can guarantee, and what is in the way'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and not __fish_seen_subcommand_from doctor capsule run vm trace lab model check sim completions lab-guest help" -f -a "capsule" -d 'Make, fill, change, show and end capsules'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and not __fish_seen_subcommand_from doctor capsule run vm trace lab model check sim completions lab-guest help" -f -a "run" -d 'Run a command inside a new capsule and release it when the command ends'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and not __fish_seen_subcommand_from doctor capsule run vm trace lab model check sim completions lab-guest help" -f -a "vm" -d 'See which virtual machines run on this host'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and not __fish_seen_subcommand_from doctor capsule run vm trace lab model check sim completions lab-guest help" -f -a "trace" -d 'Record and look at the decisions of the scheduler'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and not __fish_seen_subcommand_from doctor capsule run vm trace lab model check sim completions lab-guest help" -f -a "lab" -d 'Measure what capsules do on this host, with real guests and real packets'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and not __fish_seen_subcommand_from doctor capsule run vm trace lab model check sim completions lab-guest help" -f -a "model" -d 'Solve queueing models: what would a host carry, and where would it wait'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and not __fish_seen_subcommand_from doctor capsule run vm trace lab model check sim completions lab-guest help" -f -a "check" -d 'Say whether tasks in capsules are ever late, and why, without a host'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and not __fish_seen_subcommand_from doctor capsule run vm trace lab model check sim completions lab-guest help" -f -a "sim" -d 'Simulate hosts with capsules'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and not __fish_seen_subcommand_from doctor capsule run vm trace lab model check sim completions lab-guest help" -f -a "completions" -d 'Print the completion script for a shell'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and not __fish_seen_subcommand_from doctor capsule run vm trace lab model check sim completions lab-guest help" -f -a "lab-guest" -d 'Play a part inside a guest of the lab'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and not __fish_seen_subcommand_from doctor capsule run vm trace lab model check sim completions lab-guest help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from capsule" -f -a "create" -d 'Create a capsule: reserve a CPU budget every period'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from capsule" -f -a "attach" -d 'Put a running virtual machine into a capsule'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from capsule" -f -a "detach" -d 'Take a virtual machine out of its capsule'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from capsule" -f -a "set" -d 'Change the reservation of a capsule'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from capsule" -f -a "show" -d 'Show a capsule: its reservation, its supply, and every thread inside'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from capsule" -f -a "list" -d 'List the capsules of this host'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from capsule" -f -a "delete" -d 'End a capsule: put everything back, give up its reservation'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from vm" -f -a "list" -d 'List the virtual machines that run on this host'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from trace" -f -a "record" -d 'Record the scheduler\'s decisions into a file'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from trace" -f -a "show" -d 'Show a recording as a table'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from trace" -f -a "export" -d 'Export a recording for a trace viewer, as lanes, or for the reference policy'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from trace" -f -a "check" -d 'Check a recording against the reference policy'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "solve" -d 'Solve a layered queueing network'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "check" -d 'Say whether a file is a valid model that has an answer'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "sweep" -d 'Solve a layered queueing network for a range of its numbers'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "compare" -d 'Compare architectures of network I/O virtualization'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "explain" -d 'Show the blocks of an architecture and where the cycles of a packet go'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "calibrate" -d 'Take costs from measurements of this host, and check what the model predicts from them'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "claims" -d 'Show every published figure beside the one that the models give'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from sim" -f -a "run" -d 'Simulate one machine: capsules, what works in them, packets, interrupts'
complete -c evenkeel -n "__fish_evenkeel_using_subcommand help; and __fish_seen_subcommand_from sim" -f -a "cluster" -d 'Place virtual machines on many hosts, let them come and go, and compare policies'

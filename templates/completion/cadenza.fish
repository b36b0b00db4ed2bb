# cadenza completion fish > ~/.config/fish/completions/cadenza.fish
function __cadenza_complete
    set -l found (cadenza __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c cadenza -f -a '(__cadenza_complete)'

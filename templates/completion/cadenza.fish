# cadenza completion fish > ~/.config/fish/completions/cadenza.fish
complete -c cadenza -a '(cadenza __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'

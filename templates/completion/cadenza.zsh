#compdef cadenza
# eval "$(cadenza completion zsh)" in ~/.zshrc, after compinit
_cadenza() {
  local line word; local -a whole open
  while IFS=$'\t' read -r word line; do
    [[ -z "$word" ]] && continue
    if [[ "$word" == *[=./] ]]; then open+=("$word"); else whole+=("$word"); fi
  done < <(cadenza __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  (( $#open )) && compadd -S '' -a open
  (( $#whole )) && compadd -a whole
  (( $#open + $#whole )) || _files
}
compdef _cadenza cadenza

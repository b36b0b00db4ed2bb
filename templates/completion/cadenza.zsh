#compdef cadenza
# Add to ~/.zshrc, after compinit: eval "$(cadenza completion zsh)"; or save as _cadenza in a folder of $fpath
_cadenza() {
  local word about entry; local -a whole open
  while IFS=$'\t' read -r word about; do
    [[ -z "$word" ]] && continue
    entry="${word//:/\\:}${about:+:$about}"
    if [[ "$word" == *[=./] ]]; then open+=("$entry"); else whole+=("$entry"); fi
  done < <(cadenza __complete -- "${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)
  (( $#open )) && _describe cadenza open -S ''
  (( $#whole )) && _describe cadenza whole
  (( $#open + $#whole )) || _files
}
if [[ "$funcstack[1]" == _cadenza ]]; then _cadenza "$@"; else compdef _cadenza cadenza; fi

# Add to ~/.bashrc: eval "$(cadenza completion bash)"
_cadenza() {
  local IFS=$'\n'
  # Words as they are typed: bash would cut them at "=".
  local words; IFS=' ' read -ra words <<< "${COMP_LINE:0:COMP_POINT}"
  [[ "${COMP_LINE:0:COMP_POINT}" == *' ' ]] && words+=('')
  local current="${words[${#words[@]}-1]}" prefix=''
  [[ "$current" == *=* && "$COMP_WORDBREAKS" == *=* ]] && prefix="${current%=*}="
  COMPREPLY=($(cadenza __complete -- "${words[@]:1}" 2>/dev/null | cut -f1))
  COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
  [[ "${COMPREPLY[*]}" == *[=./] ]] && compopt -o nospace 2>/dev/null
}
complete -o default -F _cadenza cadenza

#!/bin/bash
{{directives}}

{{command}} "$SLURM_ARRAY_TASK_ID" &
job=$!
trap 'kill -TERM "$job"' TERM
wait "$job"
status=$?
# A signal ends the first wait; the job is saving its state.
while kill -0 "$job" 2> /dev/null; do
  wait "$job"
  status=$?
done

# Stopped by that signal: its time ends, or another job needs its place. The rest of it queues again. A canceled job is no longer running
# here (Slurm says that it completes), and one that Slurm itself queues again is not, either.
own="${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
if [ "$status" -eq 143 ] && scontrol show job "$own" | grep -q 'JobState=RUNNING'; then
  scontrol requeue "$own"
fi
exit "$status"

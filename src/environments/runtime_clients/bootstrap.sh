#!/bin/sh
# Starts the runtime: the command in the arguments, else the client beside this file by the PATH's interpreter. As in
# Lambda, AWS_LAMBDA_EXEC_WRAPPER names a program that gets the command as arguments.
if [ "$#" -eq 0 ]; then
  if [ -f /var/runtime/bootstrap.py ]; then
    set -- python3 -S -u /var/runtime/bootstrap.py
  else
    set -- node --expose-gc --max-http-header-size=81920 /var/runtime/bootstrap.cjs
  fi
fi
wrapper=${AWS_LAMBDA_EXEC_WRAPPER:-}
[ -n "$wrapper" ] || exec "$@"
if [ ! -f "$wrapper" ]; then
  echo "$wrapper: does not exist" >&2
  exit 127
fi
if [ ! -x "$wrapper" ]; then
  echo "$wrapper: is not an executable" >&2
  exit 126
fi
exec "$wrapper" "$@"

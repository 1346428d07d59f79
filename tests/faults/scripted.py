"""Scripted nodes of the fault suite: shell, so that they start at once, and every one keeps its own record.

What a node writes into the folder of its world, for the invariants to be read from:

    pids.log     `pid what` of everything that ever ran
    beside.log   `pid other` when another process of this node was alive at a start: two signers
    starts.log   `pid version halt application-height sha256 point` of each start
    signed.log   `height pid version` of each signature, after the signer state is on disk as CometBFT does it
    wrong.log    sentences on what this start must never have been
    at-halt/     the data folders as they were at the first halt
    rpc          `pid height` as long as its RPC answers, and the block store's height where it is another one
"""

from __future__ import annotations

from pathlib import Path

HALT = 100
"""H of every plan here."""
START = 60
"""Where the application stands in the beginning."""

OLD_VERSION, NEW_VERSION, OTHER_VERSION = "v0.1.5", "v0.2.0", "v0.2.1"

OLD_ENDS = {
    "good": "",
    "exit-0": "exit 0",
    "exit-1": "exit 1",
    "exit-101": "exit 101",
    "exit-137": "kill -9 $$",
    "early-2": "exit 2",
}
"""How the old binary ends once before its halt, when it is armed."""
OLD_BEHAVIOURS = (*OLD_ENDS, "always-early-2", "deaf", "orphan", "signs-on")
"""`deaf` ignores SIGTERM; `orphan` leaves a child outside its process group; `signs-on` signs once more at its end."""

NEW_ENDS = {
    "exit-0": "exit 0",
    "exit-1": "exit 1",
    "exit-2": "exit 2",
    "exit-2-with-line": 'echo "Stopping node due to reaching halt height height=100" >&2; exit 2',
    "exit-101": "exit 101",
    "exit-137": "kill -9 $$",
    "signs-then-dies": "sign 100; exit 1",
    "executes-then-dies": "sign 100; execute 100; exit 1",
    "corrupts": 'echo "{" > $app/app.json; echo junk >> $app/000003.log; echo junk > $app/junk; '
    "rm -f $app/MANIFEST-000001; exit 1",
    "orphan-dies": "orphan; exit 1",
}
"""How the new binary ends at every start."""
NEW_BEHAVIOURS = (
    *("good", "dies-once", "dies-later", "orphan", "deaf", "stalls", "no-block", "no-rpc", "deaf-no-rpc"),
    *NEW_ENDS,
)

_SCRIPT = r"""#!/bin/sh
# {version} {behaviour}
case "$1" in
  --version|version) echo {version}; exit 0;;
  config) echo "halt_height = ${{FM_HALT_HEIGHT:-0}}"; exit 0;;
  pre-upgrade) exit {pre_upgrade};;
esac
cd {folder} || exit 70
home={folder}/home app={app} cmt={cmt} version={version} behaviour={behaviour} chain={chain}
halt=${{FM_HALT_HEIGHT:-0}} rpc=yes
read_h() {{ read -r line < $app/app.json; h=${{line#*: }}; h=${{h%\}}*}}; }}
read_s() {{ read -r line < $cmt/priv_validator_state.json; s=${{line#*: \"}}; s=${{s%%\"*}}; }}
orphan() {{
  setsid sh -c 'trap "" TERM; echo "$$ child" >> pids.log; while :; do sleep 0.05; done' orphan $home/ &
  while ! grep -qs child pids.log; do sleep 0.01; done
}}
sign() {{
  read_s
  if [ "$1" -gt "$s" ]; then
    echo "{{\"height\": \"$1\", \"round\": 0, \"step\": 3}}" > $cmt/.state.$$
    mv $cmt/.state.$$ $cmt/priv_validator_state.json
    echo "$1 $$ $version" >> signed.log
  fi
}}
execute() {{
  h=$1
  echo "{{\"height\": $h}}" > $app/app.json
  echo "block $h" >> $app/000003.log
  [ $rpc = no ] || echo "$$ $h" > rpc
}}
once() {{ if [ -e "did-$1" ]; then return 1; fi; : > "did-$1"; }}
at_halt() {{
  [ -d at-halt ] || {{ mkdir -p at-halt.new; cp -a {data} at-halt.new && mv at-halt.new at-halt; }}
  : > halted
}}
[ $behaviour = deaf ] || [ $behaviour = deaf-no-rpc ] && trap '' TERM || trap 'exit 0' TERM
echo "$$ node" >> pids.log
while read -r other what; do
  if [ "$other" != $$ ] && kill -0 "$other" 2>/dev/null && grep -qs "$home" "/proc/$other/cmdline"; then
    echo "$$ $other $what" >> beside.log
  fi
done < pids.log
[ -f $app/app.json ] || echo '{{"height": 0}}' > $app/app.json
read_h
point=no
for manifest in state/backups/crossing-*/manifest.json; do
  case $manifest in *.partial/*) ;; *) [ -e "$manifest" ] && point=yes;; esac
done
sum=$(sha256sum < "$0")
echo "$$ $version $halt $h ${{sum%% *}} $point" >> starts.log
verdict=
[ -f verdict ] && read -r verdict < verdict
"""

_OLD = r"""
if [ $halt = 0 ] && [ -e halted ] && [ "$verdict" != ABORT ] && [ ! -e resumed ]; then
  echo "the old binary ran without a halt after it had halted" >> wrong.log
fi
[ $behaviour = orphan ] && orphan
execute $h
while :; do
  if [ -e go ] && [ -f verdict ]; then read -r verdict < verdict; fi
  if [ $chain = cosmos ] && [ -e go ]; then
    if [ $h -lt 97 ]; then execute 97; fi
    while [ $h -lt 99 ]; do sign $((h + 1)); execute $((h + 1)); done
    if [ ! -e halted ]; then
      echo '{{"name":"{plan}","height":100,"info":""}}' > $app/upgrade-info.json
      at_halt
      echo 'ERR UPGRADE "{plan}" NEEDED at height: 100: ' >&2
      echo "$$ 99 100" > rpc
    fi
    {cosmos_end}
  elif [ -e go ] && [ $halt != 0 ]; then
    if [ $h -lt 95 ]; then execute 95; fi
    if [ $behaviour = always-early-2 ]; then exit 2; fi
    if [ $behaviour != good ] && once $behaviour; then :; {end}
    fi
    while [ $h -lt 99 ]; do sign $((h + 1)); execute $((h + 1)); done
    [ $behaviour = signs-on ] && sign 100
    at_halt
    echo "INFO app.rs:785: Stopping node due to reaching halt height height=100" >&2
    exit 2
  elif [ -e go ] && [ $halt = 0 ] && {{ [ "$verdict" = ABORT ] || [ -e past ]; }} && [ $h -lt 104 ]; then
    if [ $h -lt 97 ]; then execute 97; fi
    sign $((h + 1)); execute $((h + 1))
  fi
  sleep 0.02
done
"""

_NEW = r"""
if [ ! -e by-hand ]; then
if [ $halt != 0 ]; then echo "the new binary was armed for $halt" >> wrong.log; fi
if [ ! -e halted ]; then echo "the new binary ran before the halt" >> wrong.log; fi
if [ "$h" -lt 99 ]; then echo "the new binary ran on a state before the halt: $h" >> wrong.log; fi
if [ "$verdict" != CROSS ]; then
  echo "the new binary ran although the verdict is ${{verdict:-not known}}" >> wrong.log
fi
fi
case $behaviour in
  no-rpc|deaf-no-rpc) rpc=no; while :; do sleep 0.05; done;;
  no-block) execute $h; while :; do sleep 0.05; done;;
  orphan) orphan;;
  dies-once) if once dies; then exit 1; fi;;
esac
{end}
last=104
case $behaviour in
  stalls) last=100;;
  dies-later) [ -e did-dies ] || last=102;;
esac
[ $h -lt 100 ] || execute $h
while :; do
  if [ $h -lt $last ]; then sign $((h + 1)); execute $((h + 1)); continue; fi
  if [ $behaviour = dies-later ] && [ $h = 102 ] && once dies; then exit 101; fi
  sleep 0.02
done
"""


def app_folder(folder: Path, chain: str) -> Path:
    """Where the application's data is."""
    return folder / "home" / ("data" if chain == "cosmos" else "fendermint/data")


def consensus_folder(folder: Path, chain: str) -> Path:
    """Where CometBFT's data is, the signer state in it."""
    return folder / "home" / ("data" if chain == "cosmos" else "cometbft/data")


def script(folder: Path, version: str, behaviour: str, chain: str, *, pre_upgrade: int = 0) -> str:
    """The text of a scripted binary; it differs between any two, so that its hash names it."""
    app, cmt = app_folder(folder, chain), consensus_folder(folder, chain)
    old = version == OLD_VERSION
    ends = OLD_ENDS if old else NEW_ENDS
    return (_SCRIPT + (_OLD if old else _NEW)).format(
        version=version,
        behaviour=behaviour,
        folder=folder,
        app=app,
        cmt=cmt,
        data="home/data" if app == cmt else "home/fendermint home/cometbft",
        chain=chain,
        end=ends.get(behaviour, ""),
        # Comet's node lives on at its halt, another one panics; both are seen on real chains (facts/cosmos.md §4.4).
        cosmos_end="exit 2" if behaviour == "exit-1" else "while :; do sleep 0.05; done",
        plan=NEW_VERSION,
        pre_upgrade=pre_upgrade,
    )

#!/usr/bin/env python3
"""check_includes ROOT: fails where an include points the wrong way between folders, or a banned function is called.

The table is ARCHITECTURE.md's. Ends with 'N passed, N failed' files.
"""
import pathlib
import re
import sys

ALLOWED = {
    "base": set(),
    "proto": {"base"},
    "model": {"base"},
    "storage": {"base", "proto"},
    "worker": {"base", "proto", "model"},
    "coordinator": {"base", "proto", "model", "storage"},
    "ops": {"base", "proto", "model", "storage", "worker", "coordinator"},
}
BANNED = re.compile(r"\b(gets|strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|rand|srand|system|popen|alloca|setjmp|longjmp)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def problems(root, path):
    folder = path.relative_to(root).parts[0]
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            target = match.group(1).split("/")[0]
            if "/" not in match.group(1):
                yield f"{path}:{number}: include \"{match.group(1)}\" without its folder"
            elif target != folder and target not in ALLOWED[folder]:
                yield f"{path}:{number}: {folder}/ may not include {match.group(1)}"
        elif BANNED.search(line) and not line.lstrip().startswith(("//", "*")):
            yield f"{path}:{number}: banned call: {line.strip()}"


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    files = [p for folder in ALLOWED for p in sorted((root / folder).rglob("*")) if p.suffix in {".c", ".h", ".cpp"}]
    failed = 0
    for path in files:
        found = list(problems(root, path))
        failed += bool(found)
        print("\n".join(found), end="\n" if found else "")
    print(f"{len(files) - failed} passed, {failed} failed")
    return 1 if failed or not files else 0


sys.exit(main())

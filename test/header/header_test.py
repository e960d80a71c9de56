#!/usr/bin/env python3
"""Holds the public header to what it promises.

It compiles alone, as C11 and C++11 and newer, without a warning under every compiler that is here;
the example in its preface compiles; each function is described; every struct that callers fill
begins with its size and has a macro that fills it.

usage: header_test.py HEADER USES_ALL.C
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-pedantic-errors", "-Werror", "-Wconversion",
            "-Wsign-conversion", "-Wshadow", "-Wundef", "-Wcast-qual", "-Wcast-align",
            "-Wwrite-strings", "-Wformat=2", "-Wredundant-decls"]
C = ["-Wstrict-prototypes", "-Wmissing-prototypes", "-Wold-style-definition"]
CXX = ["-Wold-style-cast", "-Woverloaded-virtual", "-Wzero-as-null-pointer-constant"]
STANDARDS = {"c": ["c11", "c17"], "c++": ["c++11", "c++14", "c++17", "c++20"]}
COMPILERS = {"c": ["gcc", "clang"], "c++": ["g++", "clang++"]}

failures = []


def fail(what):
    failures.append(what)
    print(f"FAILED: {what}")


def compile_file(compiler, language, standard, path, folder, *options):
    """Compiles and says what the compiler said, or None when it was content."""
    # Null pointers in the macros are NULL's, which C++ takes for a plain 0 in some headers.
    special = C if language == "c" else [f for f in CXX if "zero-as-null" not in f]
    result = subprocess.run([compiler, "-x", language, f"-std={standard}", *WARNINGS, *special,
                             f"-I{folder}", *options, "-o", os.devnull, "-c", path],
                            capture_output=True, text=True)
    return None if result.returncode == 0 else result.stderr


def check_compiles(header, uses_all, example):
    folder = os.path.dirname(header)
    tried = 0
    for language, compilers in COMPILERS.items():
        found = [name for name in compilers if shutil.which(name)]
        if not found and os.environ.get("CI"):
            fail(f"no {language} compiler is here")
        for compiler in found:
            for standard in STANDARDS[language]:
                for path in [uses_all] + ([example] if language == "c" else []):
                    said = compile_file(compiler, language, standard, path, folder)
                    tried += 1
                    if said:
                        fail(f"{compiler} -std={standard} {os.path.basename(path)}:\n{said}")
    # Without the extensions of GNU that the library is built with.
    if shutil.which("gcc"):
        said = compile_file("gcc", "c", "c11", uses_all, folder, "-U_GNU_SOURCE", "-D_ISOC11_SOURCE")
        if said:
            fail(said)
    print(f"compiled {tried} times")
    if not tried:
        fail("no compiler is here")


def example_of(text):
    """The program in the preface."""
    lines = re.findall(r"^ \*     ?(.*)$|^ \*$", text.split("*/")[0], flags=re.M)
    code = "\n".join(lines)
    start = code.find("#include <daybook.h>")
    end = code.find("\n}\n", code.find("int main(void)"))
    return code[start:end + 3] if start >= 0 and end > start else None


def check_described(lines):
    """Each paragraph with a declaration begins with a comment."""
    count, paragraph = 0, []
    for line in lines + [""]:
        if line.strip():
            paragraph.append(line)
            continue
        text = "\n".join(paragraph)
        names = re.findall(r"^DBK_API\b[^;]*?\b(dbk_\w+)\s*\(", text, flags=re.M)
        if names and not text.lstrip().startswith("/*"):
            fail(f"{', '.join(names)}: no comment above")
        count += len(names)
        paragraph = []
    print(f"{count} functions are described")
    if count < 60:
        fail("the functions were not found")


def check_structs(text):
    """A struct with a size begins with it, and has a macro that fills it."""
    found = 0
    for name, body in re.findall(r"^struct (dbk_\w+) \{\n(.*?)^\};", text, flags=re.M | re.S):
        members = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
        if not re.search(r"\bsize_t size;", members):
            continue
        found += 1
        if not members.lstrip().startswith("size_t size;"):
            fail(f"struct {name} does not begin with its size")
        if f"sizeof(struct {name})" not in text:
            fail(f"struct {name} has no macro that fills its size")
    if not found:
        fail("no struct with a size was found")


def main():
    header, uses_all = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    with open(header, encoding="utf-8") as file:
        text = file.read()
    example = example_of(text)
    if example is None:
        fail("no example in the preface")
        example = "int main(void) { return 0; }\n"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "example.c")
        with open(path, "w", encoding="utf-8") as file:
            file.write(example)
        check_compiles(header, uses_all, path)
    check_described(text.split("\n"))
    check_structs(text)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

"""Something to work on: the same project in each run on each machine, made from a fixed seed.

A C program of many files (a git repository with two branches, a tar archive) and npm packages as
archives, so that nothing comes from a network."""

import io
import json
import os
import random
import shutil
import subprocess
import tarfile

WORDS = ("count", "table", "reader", "state", "entry", "limit", "offset", "buffer", "index", "left",
         "node", "value", "key", "range", "walk", "part", "next", "found", "total", "width")


def quiet(*argv, **more):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


class Corpus:
    """folder/repository.git, project.tar, packages/*.tgz, package.json; made once for all runs."""

    def __init__(self, place, files, packages):
        self.folder = os.path.join(place, "corpus")
        os.mkdir(self.folder)
        self.files = files
        self.packages = packages
        self.random = random.Random(7)
        project = self.path("project")
        self._project(project)
        if shutil.which("git"):  # else nothing is measured that needs it
            self._repository(project)
        self._archive(project)
        self._packages()

    def path(self, name):
        return os.path.join(self.folder, name)

    def _function(self, module, n):
        r = self.random
        a, b, c = r.sample(WORDS, 3)
        lines = [f"int {module}_{n}(int {a}, int {b})", "{", f"    int {c} = {r.randrange(1000)};",
                 f"    for (int i = 0; i < {a}; i++) {{"]
        for _ in range(r.randrange(2, 24)):
            lines.append(f"        {c} {r.choice(('+=', '^=', '-='))} ({b} {r.choice('*+^')} "
                         f"{r.randrange(1, 99)}) + i;")
        lines += [f"        if ({c} > {r.randrange(100, 10000)})",
                  f"            printf(\"{a} %d\\n\", {c});", "    }", f"    return {c};", "}"]
        return "\n".join(lines)

    def _project(self, project):
        """A fortieth of the files is compiled; the others are what lies about in a project."""
        units = max(self.files // 40, 12)
        os.makedirs(os.path.join(project, "src"))
        for i in range(units):
            text = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\n"
            text += "\n\n".join(self._function(f"unit{i}", n) for n in range(12)) + "\n"
            self._put(project, f"src/unit{i}.c", text)
        main = "#include <stdio.h>\n" + "".join(f"int unit{i}_0(int, int);\n" for i in range(units))
        main += "int main(void)\n{\n    long sum = 0;\n"
        main += "".join(f"    sum += unit{i}_0(0, {i});\n" for i in range(units))
        main += "    printf(\"%ld\\n\", sum);\n    return 0;\n}\n"
        self._put(project, "src/main.c", main)
        self._put(project, "Makefile",
                  "objects = $(patsubst %.c,%.o,$(wildcard src/*.c))\n"
                  "program: $(objects)\n\t$(CC) -o $@ $(objects)\n"
                  "%.o: %.c\n\t$(CC) -O1 -c -o $@ $<\n")
        for i in range(self.files - units):
            words = int(self.random.lognormvariate(6, 1.2)) + 5
            text = " ".join(self.random.choices(WORDS, k=min(words, 20000)))
            self._put(project, f"docs/part{i % 40}/chapter{i % 7}/page{i}.md", text + "\n")

    @staticmethod
    def _put(folder, name, text):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def _repository(self, project):
        env = {"PATH": os.environ["PATH"], "HOME": self.folder, "GIT_CONFIG_NOSYSTEM": "1",
               "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
               "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_NAME": "a",
               "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}

        def git(*argv):
            quiet("git", "-C", project, *argv, env=env)

        git("init", "-q", "-b", "main")
        git("add", ".")
        git("commit", "-q", "-m", "one")
        git("checkout", "-q", "-b", "other")
        docs = [os.path.join(at, name) for at, _, names in
                sorted(os.walk(os.path.join(project, "docs"))) for name in sorted(names)]
        for path in docs[::4]:  # a fifth changes, some go, some come
            with open(path, "a", encoding="utf-8") as out:
                out.write("another line\n")
        for n, path in enumerate(docs[1::20]):
            os.unlink(path)
            self._put(project, f"docs/new/page{n}.md", "new\n" * 50)
        git("add", "-A")
        git("commit", "-q", "-m", "two")
        git("checkout", "-q", "main")
        quiet("git", "clone", "-q", "--bare", project, self.path("repository.git"), env=env)

    def _archive(self, project):
        with tarfile.open(self.path("project.tar"), "w") as tar:
            for name in ("Makefile", "docs", "src"):
                tar.add(os.path.join(project, name), name)

    def _packages(self):
        os.makedirs(self.path("packages"))
        dependencies = {}
        for i in range(self.packages):
            name = f"package-{i}"
            dependencies[name] = "file:" + self._package(name)
        self._put(self.folder, "package.json", json.dumps(
            {"name": "try", "version": "1.0.0", "private": True, "dependencies": dependencies}))

    def _package(self, name):
        path = self.path(f"packages/{name}.tgz")
        files = {"package.json": json.dumps({"name": name, "version": "1.0.0", "main": "lib/0.js"})}
        for n in range(40):
            words = int(self.random.lognormvariate(5, 1.2)) + 5
            files[f"lib/{n}.js"] = "// " + " ".join(self.random.choices(WORDS, k=words)) + "\n"
        with tarfile.open(path, "w:gz", compresslevel=1) as tar:
            for inside, text in files.items():
                member = tarfile.TarInfo("package/" + inside)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
        return path

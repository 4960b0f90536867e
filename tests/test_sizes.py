"""Limits on the size of modules, functions and lines of templates."""

import ast

from support.programs.processes import ROOT

PRODUCT = ROOT / "koyjabo"

MAX_LINES_OF_A_MODULE, MAX_LINES_OF_A_FUNCTION = 400, 40
MAX_CHARACTERS_OF_A_TEMPLATE_LINE = 160


def test_no_module_has_more_than_400_lines_and_no_function_more_than_40():
    sources = {str(path.relative_to(PRODUCT)): path.read_text() for path in sorted(PRODUCT.rglob("*.py"))}
    modules = {name: len(source.splitlines()) for name, source in sources.items()}
    functions = {
        f"{name}:{node.lineno}": node.end_lineno - node.lineno + 1
        for name, source in sources.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: n for name, n in modules.items() if n > MAX_LINES_OF_A_MODULE} == {}
    assert {place: n for place, n in functions.items() if n > MAX_LINES_OF_A_FUNCTION} == {}


def test_no_line_of_a_template_has_more_than_160_characters():
    templates = sorted((PRODUCT / "templates").rglob("*.html"))
    lines = [(path.name, line) for path in templates for line in path.read_text().splitlines()]
    assert [line for line in lines if len(line[1]) > MAX_CHARACTERS_OF_A_TEMPLATE_LINE] == []

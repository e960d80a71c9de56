"""The package beside the header: every call is there or named as left out, records have its members."""

import dataclasses
import inspect
import os
import re
import sys

from harness import SOURCE_DIR, main
from twisted.trial import unittest

import daybook
from daybook import _native, errors, records
from daybook.calls import Calls

with open(os.path.join(SOURCE_DIR, "include", "daybook.h"), encoding="utf-8") as file:
    HEADER = file.read()

# Not calls of a store's, or the business of Python itself.
OTHER = {"version", "status_name", "status_text", "status_exit_code", "status_http", "results_name",
         "results_parse", "open", "fd", "dispatch", "gather", "wait", "close", "close_wait", "get_info", "get_stats",
         "cancel", "is_json", "spec_new", "spec_free", "spec_filter_int", "spec_filter_text", "spec_property",
         "spec_order", "spec_limit", "spec_offset", "spec_cursor", "spec_field", "spec_total", "spec_add", "spec_parse",
         "watch_new", "watch_free", "watch_position", "build_dup", "build_free", "step_dup", "step_free",
         "build_data_dup", "build_data_free"}
# Not offered to Python.
LEFT_OUT = {"read_build_data", "resume",  # get_build_data_range() reads in pieces, too
            "backup", "repair", "unmove", "abandon", "erase",
            "retention_new", "retention_free", "retention_add", "retention_add_all", "retention_parse",
            "retention_is_empty"}  # for who looks after databases, by the command


class TestInterface(unittest.TestCase):
    def test_every_call_of_the_header_is_there_or_named_as_left_out(self):
        declared = set(re.findall(r"^DBK_API\b[^;]*?\bdbk_(\w+)\s*\(", HEADER, re.M))
        offered = {name for name, _ in inspect.getmembers(Calls, inspect.isfunction) if name[0] != "_"}
        self.assertEqual(declared - OTHER - LEFT_OUT, offered - {"ask"})

    def test_every_record_has_the_members_of_its_struct_in_their_order(self):
        names = {"Info": "info", "Stats": "stats", "BuildData": "build_data"}
        counted = 0
        for name, cls in vars(records).items():
            if not dataclasses.is_dataclass(cls):
                continue
            struct = names.get(name, name.lower())
            body = re.search(rf"^struct dbk_{struct} \{{\n(.*?)^\}};", HEADER, re.M | re.S).group(1)
            body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
            members = re.findall(r"\b(\w+)[,;]", body)
            wanted = [each for each in members if each not in ("property_count", "url_count", "value_len")]
            self.assertEqual([each.name for each in dataclasses.fields(cls)], wanted, name)
            counted += 1
        self.assertEqual(counted, 15)

    def test_every_status_has_its_exception(self):
        for name, value, exception, words in _native.STATUSES:
            if value == 0:
                continue
            cls = getattr(daybook, exception)
            self.assertTrue(issubclass(cls, daybook.Error))
            self.assertEqual(cls.status, value, name)
            made = errors.make_error(value, 0, True, 5, "", "testing", words)
            self.assertIs(type(made), cls)
            self.assertEqual(str(made), f"testing: {words}")

    def test_the_package_is_typed(self):
        self.assertTrue(os.path.exists(os.path.join(os.path.dirname(daybook.__file__), "py.typed")))
        for name, call in inspect.getmembers(Calls, inspect.isfunction):
            for each in inspect.signature(call).parameters.values():
                self.assertTrue(each.name == "self" or each.annotation is not each.empty, f"{name}: {each}")

    def test_versions_agree(self):
        self.assertEqual(daybook.__version__, re.search(r'DBK_VERSION "(.*)"', HEADER).group(1))


if __name__ == "__main__":
    sys.exit(main(__name__))

"""What tests on hosts import."""

from tests.conftest import Ssh as Ssh

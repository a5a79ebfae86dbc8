"""What a process of the stack sees of the user's environment."""

from nightshift.embedded.processes.clean_env import clean_environment


def test_no_setting_of_the_users_shell_leaks_into_the_stack() -> None:
    """A key of a real mail provider in the shell never makes the embedded stack send real mail."""
    shell = {"PATH": "/bin", "LC_ALL": "C", "PYTHONUTF8": "1", "RESEND_API_KEY": "re_1", "NATS_URL": "nats://real"}
    assert clean_environment(shell) == {"PATH": "/bin", "LC_ALL": "C", "PYTHONUTF8": "1"}

import io

from rich.console import Console

from quantmia.progress import Progress


def test_what_is_said_keeps_its_brackets():
    heard = io.StringIO()
    Progress(Console(file=heard)).say("quantmia run 'quantizer=[sign,uniform_4]' resume=true")
    assert heard.getvalue() == "quantmia run 'quantizer=[sign,uniform_4]' resume=true\n"

"""What MkDocs does beside its own: generated pages, files from outside docs/, links to them."""

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from scripts.docs import choices, commands, configuration
from scripts.docs.links import in_site, outside, path_of

GENERATED = {
    "reference/commands.md": commands.page,
    "reference/configuration.md": configuration.page,
    "reference/choices.md": choices.page,
}
ALWAYS = (
    "results/claims.md",
    "results/open_questions.md",
    "results/ship.md",
    "results/growth.md",
    "CONTRIBUTING.md",
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is generated, and what pages link to that is not in docs/.

    Args:
        files: of docs/.
        config: of the site.
    """
    for uri, made in GENERATED.items():
        files.append(File.generated(config, uri, content=made()))
    root = Path(config.config_file_path).parent
    texts = {path_of(each.src_uri): each.content_string for each in files.documentation_pages()}
    texts |= {each: (root / each).read_text(encoding="utf-8") for each in ALWAYS}
    wanted = set(ALWAYS).union(*(outside(root, text, path) for path, text in texts.items()))
    for each in sorted(wanted):
        files.append(File.generated(config, each, abs_src_path=str(root / each)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as the site has them.

    Args:
        markdown: of a page.
        page: MkDocs's.
    """
    return in_site(markdown, page.file.src_uri)

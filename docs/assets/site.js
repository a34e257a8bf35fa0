// What the theme leaves to be said to those who use a keyboard or hear the page.
const named = { "[data-md-component=search]": "Search", "#__search": "Search", "#__drawer": "Navigation" };
for (const [selector, name] of Object.entries(named)) {
  document.querySelector(selector)?.setAttribute("aria-label", name);
}
// Wide tables scroll by themselves: with the arrow keys, too. The theme wraps them late.
const reachable = () =>
  document.querySelectorAll(".md-typeset__scrollwrap").forEach((each) => {
    if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
  });
window.addEventListener("load", () => setTimeout(reachable));
window.addEventListener("resize", reachable);

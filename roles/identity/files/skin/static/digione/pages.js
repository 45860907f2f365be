// The page's language follows the choice that LemonLDAP::NG's own script keeps in a cookie: screen readers
// pronounce by it, and the municipality's name is shown in it.
$(window).on("load", function () {
  const offered = window.availableLanguages;

  function show(language) {
    document.documentElement.lang = language;
    document.querySelectorAll(".langicon").forEach((button) => {
      button.hidden = !offered.includes(button.title);
      button.setAttribute("aria-pressed", String(button.title === language));
    });
  }

  document.querySelectorAll(".langicon").forEach((button) => {
    button.addEventListener("click", () => {
      show(button.title);
      // The platform asks for a language in the address, which a form that was not accepted comes back to.
      const here = new URL(location.href);
      if (here.searchParams.has("llnglanguage")) {
        here.searchParams.set("llnglanguage", button.title);
        history.replaceState(null, "", here);
      }
    });
  });
  // After the script of LemonLDAP::NG, which sets the cookie at the same event.
  setTimeout(() => {
    const asked = new URLSearchParams(location.search).get("llnglanguage");
    const kept = document.cookie.match(/(?:^|; *)llnglanguage=(\w+)/);
    const language = asked || (kept && kept[1]);
    show(offered.includes(language) ? language : offered[0]);
  });
});

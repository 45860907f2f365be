<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="yourAccount"></h1>
  <TMPL_INCLUDE NAME="message.tpl">
  <p><span trspan="connectedAs"></span> <b><TMPL_VAR NAME="AUTH_USER" ESCAPE=HTML></b></p>
  <p class="actions">
    <a class="hds-button hds-button--primary" href="<TMPL_VAR NAME="platform">" trspan="goToPlatform"></a>
    <a class="hds-button hds-button--secondary" href="<TMPL_VAR NAME="LOGOUT_URL">" trspan="logout"></a>
  </p>
  <TMPL_IF NAME="sfaManager"><p><a class="hds-link" href="/2fregisters" trspan="sfaManager"></a></p></TMPL_IF>
  <TMPL_LOOP NAME="DISPLAY_MODULES">
    <TMPL_IF NAME="ChangePassword">
    <section class="form" id="password">
      <h2 class="heading-m" trspan="changePwd"></h2>
      <TMPL_INCLUDE NAME="password.tpl">
    </section>
    </TMPL_IF>
    <TMPL_IF NAME="LoginHistory">
    <section class="form" id="loginHistory">
      <h2 class="heading-m" trspan="loginHistory"></h2>
      <TMPL_VAR NAME="SUCCESS_LOGIN">
      <TMPL_VAR NAME="FAILED_LOGIN">
    </section>
    </TMPL_IF>
  </TMPL_LOOP>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="authPortal"></h1>
  <TMPL_INCLUDE NAME="message.tpl">

  <TMPL_LOOP NAME="AUTH_LOOP">
  <form action="<TMPL_VAR NAME="url">" method="post" class="form">
    <TMPL_VAR NAME="HIDDEN_INPUTS">
    <input type="hidden" name="url" value="<TMPL_VAR NAME="AUTH_URL">">
    <input type="hidden" name="timezone">
    <input type="hidden" name="<TMPL_VAR NAME="CHOICE_PARAM">" value="<TMPL_VAR NAME="key">">
    <TMPL_IF NAME="standardform">
      <TMPL_INCLUDE NAME="standardform.tpl">
    <TMPL_ELSE>
      <p trspan="withAccountOf"></p>
      <button type="submit" class="hds-button hds-button--secondary"><TMPL_VAR NAME="upstream"></button>
    </TMPL_IF>
  </form>
  </TMPL_LOOP>

  <TMPL_IF NAME="DISPLAY_FORM">
  <form action="#" method="post" class="form">
    <TMPL_VAR NAME="HIDDEN_INPUTS">
    <input type="hidden" name="url" value="<TMPL_VAR NAME="AUTH_URL">">
    <input type="hidden" name="timezone">
    <TMPL_INCLUDE NAME="standardform.tpl">
  </form>
  </TMPL_IF>

  <TMPL_IF NAME="DISPLAY_PASSWORD">
  <section class="form">
    <h2 class="heading-m" trspan="changePwd"></h2>
    <TMPL_INCLUDE NAME="password.tpl">
  </section>
  </TMPL_IF>

  <TMPL_IF NAME="MSG"><div class="message"><TMPL_VAR NAME="MSG"></div></TMPL_IF>
  <TMPL_UNLESS NAME="AUTH_LOOP">
  <TMPL_IF NAME="PORTAL_URL">
  <p><a class="hds-button hds-button--secondary" href="<TMPL_VAR NAME="PORTAL_URL">?cancel=1<TMPL_IF NAME="AUTH_URL">&amp;url=<TMPL_VAR NAME="AUTH_URL"></TMPL_IF>" trspan="signInAgain"></a></p>
  </TMPL_IF>
  </TMPL_UNLESS>
  <TMPL_IF NAME="LOGOUT_URL">
  <p><a class="hds-button hds-button--secondary" href="<TMPL_VAR NAME="LOGOUT_URL">" trspan="logout"></a></p>
  </TMPL_IF>
  <p><a class="hds-link" href="<TMPL_VAR NAME="platform">" trspan="backToPlatform"></a></p>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

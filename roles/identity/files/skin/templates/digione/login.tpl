<TMPL_INCLUDE NAME="header.tpl">
<main class="narrow">
  <h1 trspan="authPortal"></h1>
  <TMPL_INCLUDE NAME="message.tpl">

  <TMPL_LOOP NAME="AUTH_LOOP">
  <form action="<TMPL_VAR NAME="url">" method="post" class="card">
    <TMPL_VAR NAME="HIDDEN_INPUTS">
    <input type="hidden" name="url" value="<TMPL_VAR NAME="AUTH_URL">">
    <input type="hidden" name="timezone">
    <input type="hidden" name="<TMPL_VAR NAME="CHOICE_PARAM">" value="<TMPL_VAR NAME="key">">
    <TMPL_IF NAME="standardform">
      <TMPL_INCLUDE NAME="standardform.tpl">
    <TMPL_ELSE>
      <p><span trspan="withAccountOf"></span></p>
      <button type="submit" class="btn btn-secondary"><TMPL_VAR NAME="upstream"></button>
    </TMPL_IF>
  </form>
  </TMPL_LOOP>

  <TMPL_IF NAME="DISPLAY_FORM">
  <form action="#" method="post" class="card">
    <TMPL_VAR NAME="HIDDEN_INPUTS">
    <input type="hidden" name="url" value="<TMPL_VAR NAME="AUTH_URL">">
    <input type="hidden" name="timezone">
    <TMPL_INCLUDE NAME="standardform.tpl">
  </form>
  </TMPL_IF>

  <TMPL_IF NAME="DISPLAY_PASSWORD">
  <section class="card">
    <h2 trspan="changePwd"></h2>
    <TMPL_INCLUDE NAME="password.tpl">
  </section>
  </TMPL_IF>

  <TMPL_IF NAME="MSG"><div class="alert"><TMPL_VAR NAME="MSG"></div></TMPL_IF>
  <TMPL_IF NAME="PORTAL_URL">
  <p><a class="btn btn-secondary" href="<TMPL_VAR NAME="PORTAL_URL">?cancel=1<TMPL_IF NAME="AUTH_URL">&amp;url=<TMPL_VAR NAME="AUTH_URL"></TMPL_IF>" trspan="signInAgain"></a></p>
  </TMPL_IF>
  <TMPL_IF NAME="LOGOUT_URL">
  <p><a class="btn btn-secondary" href="<TMPL_VAR NAME="LOGOUT_URL">" trspan="logout"></a></p>
  </TMPL_IF>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

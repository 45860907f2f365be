<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="<TMPL_IF NAME="password_changed">pwdChanged<TMPL_ELSE><TMPL_IF NAME="password_kept">passwordKept<TMPL_ELSE><TMPL_IF NAME="ERROR404">notFound<TMPL_ELSE>errorTitle</TMPL_IF></TMPL_IF></TMPL_IF>"></h1>
  <TMPL_INCLUDE NAME="message.tpl">
  <TMPL_IF NAME="RAW_ERROR"><div class="message message-negative" role="alert" trspan="<TMPL_VAR NAME="RAW_ERROR">"></div></TMPL_IF>
  <TMPL_IF NAME="ERROR403"><div class="message message-negative" role="alert" trspan="accessDenied"></div></TMPL_IF>
  <TMPL_IF NAME="ERROR500"><div class="message message-negative" role="alert" trspan="serverError"></div></TMPL_IF>
  <TMPL_IF NAME="password_kept">
  <section class="form">
    <TMPL_INCLUDE NAME="password.tpl">
  </section>
  </TMPL_IF>
  <TMPL_IF NAME="password_changed">
  <p class="actions">
    <a class="hds-button hds-button--primary" href="<TMPL_VAR NAME="platform">" trspan="goToPlatform"></a>
    <a class="hds-button hds-button--secondary" href="<TMPL_VAR NAME="PORTAL_URL">" trspan="back2Portal"></a>
  </p>
  <TMPL_ELSE>
  <TMPL_IF NAME="password_kept">
  <p><a class="hds-link" href="<TMPL_VAR NAME="PORTAL_URL">" trspan="back2Portal"></a></p>
  <TMPL_ELSE>
  <p class="actions">
    <TMPL_UNLESS NAME="ERROR404"><a class="hds-button hds-button--primary" href="<TMPL_VAR NAME="platform">sign-in" trspan="signInAgain"></a></TMPL_UNLESS>
    <a class="hds-button hds-button--secondary" href="<TMPL_VAR NAME="platform">" trspan="backToPlatform"></a>
    <TMPL_IF NAME="LOGOUT_URL"><a class="hds-button hds-button--secondary" href="<TMPL_VAR NAME="LOGOUT_URL">" trspan="logout"></a></TMPL_IF>
  </p>
  </TMPL_IF>
  </TMPL_IF>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

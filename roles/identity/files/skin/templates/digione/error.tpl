<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="errorTitle"></h1>
  <TMPL_INCLUDE NAME="message.tpl">
  <TMPL_IF NAME="RAW_ERROR"><div class="message message-negative" role="alert" trspan="<TMPL_VAR NAME="RAW_ERROR">"></div></TMPL_IF>
  <TMPL_IF NAME="ERROR403"><div class="message message-negative" role="alert" trspan="accessDenied"></div></TMPL_IF>
  <TMPL_IF NAME="ERROR404"><div class="message message-negative" role="alert" trspan="notFound"></div></TMPL_IF>
  <TMPL_IF NAME="ERROR500"><div class="message message-negative" role="alert" trspan="serverError"></div></TMPL_IF>
  <p class="actions">
    <a class="hds-button hds-button--primary" href="<TMPL_VAR NAME="platform">sign-in" trspan="signInAgain"></a>
    <a class="hds-button hds-button--secondary" href="<TMPL_VAR NAME="platform">" trspan="backToPlatform"></a>
    <TMPL_IF NAME="LOGOUT_URL"><a class="hds-button hds-button--secondary" href="<TMPL_VAR NAME="LOGOUT_URL">" trspan="logout"></a></TMPL_IF>
  </p>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

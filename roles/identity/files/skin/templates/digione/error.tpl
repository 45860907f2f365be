<TMPL_INCLUDE NAME="header.tpl">
<main class="narrow">
  <h1 trspan="errorTitle"></h1>
  <TMPL_INCLUDE NAME="message.tpl">
  <TMPL_IF NAME="RAW_ERROR"><div class="alert alert-danger" role="alert" trspan="<TMPL_VAR NAME="RAW_ERROR">"></div></TMPL_IF>
  <TMPL_IF NAME="ERROR403"><div class="alert alert-danger" role="alert" trspan="accessDenied"></div></TMPL_IF>
  <TMPL_IF NAME="ERROR404"><div class="alert alert-danger" role="alert" trspan="notFound"></div></TMPL_IF>
  <TMPL_IF NAME="ERROR500"><div class="alert alert-danger" role="alert" trspan="serverError"></div></TMPL_IF>
  <p class="actions">
    <a class="btn btn-primary" href="<TMPL_VAR NAME="platform">" trspan="goToPlatform"></a>
    <a class="btn btn-secondary" href="<TMPL_VAR NAME="PORTAL_URL">?cancel=1" trspan="back2Portal"></a>
    <TMPL_IF NAME="LOGOUT_URL"><a class="btn btn-secondary" href="<TMPL_VAR NAME="LOGOUT_URL">" trspan="logout"></a></TMPL_IF>
  </p>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

<TMPL_INCLUDE NAME="header.tpl">
<script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/redirect.min.js"></script>
<script id="redirect" type="custom">
<TMPL_IF NAME="HIDDEN_INPUTS">form<TMPL_ELSE><TMPL_VAR NAME="URL"></TMPL_IF>
</script>
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="redirectionInProgress"></h1>
  <TMPL_IF NAME="HIDDEN_INPUTS">
  <form id="form" action="<TMPL_VAR NAME="URL">" method="<TMPL_VAR NAME="FORM_METHOD">">
    <TMPL_VAR NAME="HIDDEN_INPUTS">
    <noscript><button type="submit" class="hds-button hds-button--primary" trspan="continue"></button></noscript>
  </form>
  <TMPL_ELSE>
  <noscript><p><a class="hds-link" href="<TMPL_VAR NAME="URL">" trspan="continue"></a></p></noscript>
  </TMPL_IF>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="confirmation"></h1>
  <form id="upgrd" action="<TMPL_VAR NAME="FORMACTION">" method="post" class="form">
    <input type="hidden" name="confirm" value="<TMPL_VAR NAME="CONFIRMKEY">">
    <input type="hidden" name="forceUpgrade" value="<TMPL_VAR NAME="FORCEUPGRADE">">
    <input type="hidden" name="url" value="<TMPL_VAR NAME="URL">">
    <p trspan="<TMPL_VAR NAME="MSG">"></p>
    <button type="submit" class="hds-button hds-button--primary" trspan="<TMPL_VAR NAME="BUTTON">"></button>
  </form>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="info"></h1>
  <form id="form" action="<TMPL_VAR NAME="URL">" method="<TMPL_VAR NAME="FORM_METHOD">" class="form">
    <TMPL_VAR NAME="HIDDEN_INPUTS">
    <TMPL_IF NAME="CHOICE_VALUE"><input type="hidden" id="authKey" name="<TMPL_VAR NAME="CHOICE_PARAM">" value="<TMPL_VAR NAME="CHOICE_VALUE">"></TMPL_IF>
    <div class="text"><TMPL_VAR NAME="MSG"></div>
    <TMPL_IF NAME="ACTIVE_TIMER"><p id="timer" trspan="redirectedIn"></p></TMPL_IF>
    <p class="actions">
      <button type="submit" class="hds-button hds-button--primary" trspan="continue"></button>
      <TMPL_IF NAME="ACTIVE_TIMER"><button id="wait" type="reset" class="hds-button hds-button--secondary" trspan="wait"></button></TMPL_IF>
    </p>
  </form>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/info.min.js"></script>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="confirmation"></h1>
  <form id="form" action="<TMPL_VAR NAME="FORM_ACTION">" method="<TMPL_VAR NAME="FORM_METHOD">" class="form">
    <TMPL_VAR NAME="HIDDEN_INPUTS">
    <TMPL_IF NAME="AUTH_URL"><input type="hidden" name="url" value="<TMPL_VAR NAME="AUTH_URL">"></TMPL_IF>
    <TMPL_IF NAME="CHOICE_VALUE"><input type="hidden" id="authKey" name="<TMPL_VAR NAME="CHOICE_PARAM">" value="<TMPL_VAR NAME="CHOICE_VALUE">"></TMPL_IF>
    <input type="hidden" id="confirm" name="confirm" value="<TMPL_VAR NAME="CONFIRMKEY">">
    <div class="text"><TMPL_VAR NAME="MSG"></div>
    <TMPL_IF NAME="ACTIVE_TIMER"><p id="timer" trspan="autoAccept"></p></TMPL_IF>
    <p class="actions">
      <button type="submit" class="hds-button hds-button--primary" trspan="accept"></button>
      <button id="refuse" type="submit" class="hds-button hds-button--secondary" val="-<TMPL_VAR NAME="CONFIRMKEY">" trspan="refuse"></button>
    </p>
  </form>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/confirm.min.js"></script>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="webauthn2f"></h1>
  <noscript><p class="message message-warning" trspan="needsScripts"></p></noscript>
  <div id="color" class="message message-<TMPL_VAR NAME="ALERT">" role="status"><span id="msg" trspan="<TMPL_VAR NAME="MSG">"></span></div>
  <form id="divToHide" method="dialog" class="form">
    <p id="u2fPermission" trspan="u2fPermission"></p>
    <div class="hds-text-input">
      <label class="hds-text-input__label" for="keyName" trspan="name"></label>
      <div class="hds-text-input__input-wrapper"><input type="text" class="hds-text-input__input" id="keyName" name="keyName" trattribute="value:webauthnName" maxlength="20"></div>
    </div>
    <p class="actions">
      <button type="submit" id="register" class="hds-button hds-button--primary" trspan="register"></button>
      <button type="button" id="verify" class="hds-button hds-button--secondary" trspan="verify"></button>
    </p>
  </form>
  <TMPL_INCLUDE NAME="2fdone.tpl">
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/webauthn-ui.min.js"></script>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/webauthnregistration.min.js"></script>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

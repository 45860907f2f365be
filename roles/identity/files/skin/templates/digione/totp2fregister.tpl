<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="totp2f"></h1>
  <noscript><p class="message message-warning" trspan="needsScripts"></p></noscript>
  <div id="color" class="message message-<TMPL_VAR NAME="ALERT">" role="status"><span id="msg" trspan="<TMPL_VAR NAME="MSG">"></span></div>
  <form id="divToHide" method="dialog" class="form">
    <ol>
      <li>
        <p trspan="totpQrCode"></p>
        <canvas id="qr" role="img" trattribute="aria-label:totpQrCode"></canvas>
        <p trspan="totpSecretKey"></p>
        <p><code id="secret"></code></p>
      </li>
      <li class="hds-text-input">
        <label class="hds-text-input__label" for="TOTPName" trspan="totpRegisterName"></label>
        <div class="hds-text-input__input-wrapper"><input type="text" class="hds-text-input__input" id="TOTPName" name="TOTPName" trattribute="value:totpName" maxlength="20"></div>
      </li>
      <li class="hds-text-input">
        <label class="hds-text-input__label" for="code" trspan="totpRegisterCode"></label>
        <div class="hds-text-input__input-wrapper"><input id="code" class="hds-text-input__input" name="code" inputmode="numeric" autocomplete="one-time-code"></div>
      </li>
    </ol>
    <button type="submit" id="verify" class="hds-button hds-button--primary" trspan="register"></button>
  </form>
  <TMPL_INCLUDE NAME="2fdone.tpl">
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">bwr/qrious/dist/qrious.min.js"></script>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/totpregistration.min.js"></script>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

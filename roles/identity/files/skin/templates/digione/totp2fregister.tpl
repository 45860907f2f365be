<TMPL_INCLUDE NAME="header.tpl">
<main class="narrow">
  <h1 trspan="totp2f"></h1>
  <div id="color" class="message message-<TMPL_VAR NAME="ALERT"> alert"><span id="msg" trspan="<TMPL_VAR NAME="MSG">"></span></div>
  <section id="divToHide" class="card">
    <ol>
      <li>
        <p trspan="totpQrCode"></p>
        <canvas id="qr" role="img" trattribute="aria-label:totpQrCode"></canvas>
        <p trspan="totpSecretKey"></p>
        <p><code id="secret"></code></p>
      </li>
      <li class="field">
        <label for="TOTPName" trspan="totpRegisterName"></label>
        <input type="text" class="form-control" id="TOTPName" name="TOTPName" value="TOTP" maxlength="20">
      </li>
      <li class="field">
        <label for="code" trspan="totpRegisterCode"></label>
        <input id="code" class="form-control" name="code" inputmode="numeric" autocomplete="one-time-code">
      </li>
    </ol>
    <button type="button" id="verify" class="btn btn-primary" trspan="register"></button>
  </section>
  <p class="actions">
    <a href="<TMPL_VAR NAME="PORTAL_URL">2fregisters" trspan="sfaManager"></a>
    <a id="goback" href="<TMPL_VAR NAME="PORTAL_URL">?cancel=1<TMPL_IF NAME="AUTH_URL">&amp;url=<TMPL_VAR NAME="AUTH_URL"></TMPL_IF>" trspan="back2Portal"></a>
  </p>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">bwr/qrious/dist/qrious.min.js"></script>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/totpregistration.min.js"></script>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

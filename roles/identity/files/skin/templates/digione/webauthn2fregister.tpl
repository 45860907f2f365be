<TMPL_INCLUDE NAME="header.tpl">
<main class="narrow">
  <h1 trspan="webauthn2f"></h1>
  <div id="color" class="message message-<TMPL_VAR NAME="ALERT"> alert" role="status"><span id="msg" trspan="<TMPL_VAR NAME="MSG">"></span></div>
  <section class="card">
    <p id="u2fPermission" trspan="u2fPermission"></p>
    <div class="field">
      <label for="keyName" trspan="name"></label>
      <input type="text" class="form-control" id="keyName" name="keyName" value="WebAuthn" maxlength="20">
    </div>
    <p class="actions">
      <button type="button" id="register" class="btn btn-primary" trspan="register"></button>
      <button type="button" id="verify" class="btn btn-secondary" trspan="verify"></button>
    </p>
  </section>
  <p class="actions">
    <a href="<TMPL_VAR NAME="PORTAL_URL">2fregisters" trspan="sfaManager"></a>
    <a id="goback" href="<TMPL_VAR NAME="PORTAL_URL">?cancel=1<TMPL_IF NAME="AUTH_URL">&amp;url=<TMPL_VAR NAME="AUTH_URL"></TMPL_IF>" trspan="back2Portal"></a>
  </p>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/webauthn-ui.min.js"></script>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/webauthnregistration.min.js"></script>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="authPortal"></h1>
  <noscript><p class="message message-warning" trspan="needsScripts"></p></noscript>
  <TMPL_INCLUDE NAME="message.tpl">
  <TMPL_IF NAME="DATA">
  <div id="color" class="message message-positive" role="status"><span id="msg" trspan="webAuthnRequired"></span></div>
  <form id="verify-form" action="/webauthn2fcheck" method="post">
    <input type="hidden" id="credential" name="credential" value="">
    <input type="hidden" name="token" value="<TMPL_VAR NAME="TOKEN">">
    <input type="hidden" name="checkLogins" value="<TMPL_VAR NAME="CHECKLOGINS">">
    <input type="hidden" name="stayconnected" value="<TMPL_VAR NAME="STAYCONNECTED">">
  </form>
  <script type="application/init"><TMPL_VAR NAME="DATA"></script>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/webauthn-ui.min.js"></script>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/webauthncheck.min.js"></script>
  </TMPL_IF>
  <p class="actions">
    <button type="button" id="retrybutton" class="hds-button hds-button--primary" trspan="retry"></button>
    <a class="hds-link" href="<TMPL_VAR NAME="PORTAL_URL">?cancel=1" trspan="cancel"></a>
  </p>
</main>
<TMPL_INCLUDE NAME="footer.tpl">

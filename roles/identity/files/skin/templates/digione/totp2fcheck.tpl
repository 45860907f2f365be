<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="authPortal"></h1>
  <TMPL_INCLUDE NAME="message.tpl">
  <form action="/totp2fcheck" method="post" class="form">
    <input type="hidden" name="token" value="<TMPL_VAR NAME="TOKEN">">
    <input type="hidden" name="checkLogins" value="<TMPL_VAR NAME="CHECKLOGINS">">
    <input type="hidden" name="stayconnected" value="<TMPL_VAR NAME="STAYCONNECTED">">
    <div class="hds-text-input">
      <label class="hds-text-input__label" for="extcode" trspan="enterTotpCode"></label>
      <div class="hds-text-input__input-wrapper"><input id="extcode" name="code" type="text" class="hds-text-input__input" required inputmode="numeric" autocomplete="one-time-code"></div>
    </div>
    <button type="submit" class="hds-button hds-button--primary" trspan="connect"></button>
  </form>
  <p><a class="hds-link" href="<TMPL_VAR NAME="PORTAL_URL">?cancel=1" trspan="cancel"></a></p>
</main>
<TMPL_INCLUDE NAME="footer.tpl">
